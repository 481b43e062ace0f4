"""The Wasserstein GAN with gradient penalty."""
