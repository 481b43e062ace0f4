/* Plain C interface of caloforge: five functions for C, Fortran, Julia, ROOT and Geant4 applications.
 *
 * Units: MeV, mm, rad. No exception leaves these functions; what failed is told by caloforge_last_error.
 * A model may be used by several threads at once, except while it is closed.
 */
#ifndef CALOFORGE_H
#define CALOFORGE_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define CALOFORGE_API
#else
#define CALOFORGE_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct caloforge_model caloforge_model;

/* A particle at the calorimeter: z points into it, its front face is z = 0. */
typedef struct caloforge_incident {
  double energy;     /* kinetic [MeV] */
  double theta;      /* angle to +z [rad] */
  double phi;        /* azimuth from +x [rad] */
  double x, y, z;    /* entry point [mm] */
  int64_t pdg;       /* particle code of the Particle Data Group */
  int64_t shower_id; /* names the shower within the seed; in Geant4: event_id * 2^20 + k */
} caloforge_incident;

/* Open an exported ONNX file. `options`: NULL, or words "key=value" with spaces between:
 *   precision=f32|bf16            f32 unless said
 *   threads=N                     how many threads compute at once, 1 unless said
 *   runtime=openvino|onnxruntime  the first one built in unless said
 *   outside=refuse|allow          incidents outside the training range, refuse unless said
 *   trial=run|skip                a process of its own opens the file first, unless said; skip for files that you trust
 * NULL on failure. */
CALOFORGE_API caloforge_model* caloforge_open(const char* path, const char* options);

/* The file's metadata as JSON text, valid until the model is closed. */
CALOFORGE_API const char* caloforge_info(const caloforge_model* model);

/* Simulate n showers into `showers`, n rows of cells in MeV; `size` is how many floats it holds.
 * `noise`: NULL, or n rows of the model's own number of standard normal values; without it the noise of
 * each shower follows from seed (below 2^32) and shower_id alone, as in the Python package.
 * Returns the number of cells of a shower (so n = 0 asks for it), -1 on failure. */
CALOFORGE_API int64_t caloforge_simulate(caloforge_model* model, size_t n, const caloforge_incident* incidents,
                                         uint64_t seed, const float* noise, float* showers, size_t size);

/* Why the last call of this thread failed; an empty string if it did not. */
CALOFORGE_API const char* caloforge_last_error(void);

/* Release the model; NULL is allowed. */
CALOFORGE_API void caloforge_close(caloforge_model* model);

#ifdef __cplusplus
}
#endif

#endif
