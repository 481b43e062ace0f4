/* shower_c MODEL.onnx [PDG] simulates one particle of 10 GeV, by default an electron (11), and prints its deposited energy. */
#include <caloforge/caloforge.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char** argv) {
  static float cells[100000];
  caloforge_incident particle = {.energy = 10000, .pdg = argc > 2 ? atoll(argv[2]) : 11};
  caloforge_model* model = caloforge_open(argc > 1 ? argv[1] : NULL, NULL);
  int64_t n = model ? caloforge_simulate(model, 0, NULL, 0, NULL, NULL, 0) : 0;
  if (n < 1 || n > 100000 || caloforge_simulate(model, 1, &particle, 42, NULL, cells, (size_t)n) < 0)
    return fprintf(stderr, "%s\n", caloforge_last_error()), 1;
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += cells[i];
  printf("%.3f MeV in %d cells\n", sum, (int)n);
  caloforge_close(model);
  return 0;
}
