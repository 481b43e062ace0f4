/* Plain C interface of caloforge: five functions for C, Fortran, Julia, ROOT and Geant4 applications.
 *
 * Units are MeV, mm and rad. These functions throw no exception; caloforge_last_error gives the reason of a failure.
 * Several threads may use a model at once, except while it is closed.
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

/* A particle at the calorimeter: z points into the calorimeter, whose front face is z = 0. */
typedef struct caloforge_incident {
  double energy;     /* kinetic [MeV] */
  double theta;      /* angle to +z [rad] */
  double phi;        /* azimuth from +x [rad] */
  double x, y, z;    /* entry point [mm] */
  int64_t pdg;       /* particle code of the Particle Data Group */
  int64_t shower_id; /* number of the shower within the seed; in Geant4 event_id * 2^20 + k */
} caloforge_incident;

/* Open an exported ONNX file. `options` is NULL, or words "key=value" separated by spaces:
 *   precision=f32|bf16            precision; default f32
 *   threads=N                     threads that compute at once; default 1
 *   runtime=openvino|onnxruntime  runtime; default the first that is built in
 *   outside=refuse|allow          incidents outside the training range; default refuse
 *   trial=run|skip                open the file in a separate process first; default run; skip for files that you trust
 * Returns NULL on failure. */
CALOFORGE_API caloforge_model* caloforge_open(const char* path, const char* options);

/* The file's metadata as JSON text, valid until the model is closed. */
CALOFORGE_API const char* caloforge_info(const caloforge_model* model);

/* Simulate n showers into `showers`, n rows of cells in MeV; `size` is the number of floats that it holds.
 * `noise` is NULL, or n rows of the model's number of standard normal values. If it is NULL, the noise of
 * each shower depends on seed (below 2^32) and shower_id only, as in the Python package.
 * Returns the number of cells of a shower (also for n = 0), or -1 on failure. */
CALOFORGE_API int64_t caloforge_simulate(caloforge_model* model, size_t n, const caloforge_incident* incidents,
                                         uint64_t seed, const float* noise, float* showers, size_t size);

/* The reason why the last call of this thread failed; an empty string if it succeeded. */
CALOFORGE_API const char* caloforge_last_error(void);

/* Release the model; NULL is allowed. */
CALOFORGE_API void caloforge_close(caloforge_model* model);

#ifdef __cplusplus
}
#endif

#endif
