"""The 3D GAN."""
