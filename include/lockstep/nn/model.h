/* A model: layers in a row, their parameters in one slab, and the buffers of a pass.
 *
 * Parameters, gradients and optimiser state are flat slabs of the same layout: a parameter
 * begins at a multiple of 16 floats, the floats between are zero and stay so. Spans are cut
 * into blocks of LS_BLOCK_FLOATS, whatever the rank count.
 *
 * A model may hold some of its input's columns only (strategy features): of these the layers
 * before the first dense layer work, and this one's weights, which then lie behind all others in
 * the slab: its first shared_floats are those that every rank holds alike.
 *
 * Why here: everything above sees spans and slabs, never a layer. Never sees MPI or a file.
 */
#ifndef LS_NN_MODEL_H
#define LS_NN_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/status.h"
#include "lockstep/nn/layer.h"
#include "lockstep/nn/loss.h"

#define LS_BLOCK_FLOATS ((size_t)4096)
#define LS_PARAM_NAME_MAX 64

/* One parameter of the model. */
typedef struct ls_param {
    char name[LS_PARAM_NAME_MAX]; /* "0_dense/weight": the layer's number and type, the name */
    int rank;
    size_t dim[4];
    size_t offset, count; /* floats in a slab */
    size_t first_column;  /* of those that are here */
    size_t all_columns;   /* of a matrix: over all ranks; dim[1] where all are here */
    ls_strips strips;     /* how it lies in memory: row by row, or in strips of rows */
    double lr_scale;      /* times the learning rate; 0: it stays as it is */
    double running;       /* of running statistics: see ls_param_spec; else 0 */
} ls_param;

/* Its floats over all ranks. */
size_t ls_param_all(const ls_param *param);

typedef struct ls_model {
    size_t n_layers;
    ls_layer *layers;
    ls_layer_plan *plans; /* [n_layers] */
    size_t n_active;      /* layers that a pass runs: a last layer that the loss absorbs is not */
    size_t first_trained; /* layer: backward ends with it. n_layers: nothing is trained */
    ls_shape in, out;
    size_t in_size, out_size; /* in_size: of the columns that are here */
    size_t n_params;
    ls_param *params;     /* in model order */
    size_t n_weights;     /* trained numbers over all ranks, without padding */
    size_t slab_floats;   /* with padding */
    size_t shared_floats; /* of these */
    size_t n_blocks;
    size_t *block_edge;    /* [n_blocks + 1], of the shared floats */
    float *weights;        /* [slab_floats] */
    bool weights_are_lent; /* they are in memory that somebody else owns */
    /* NULL where every rank holds all columns; else the parameter whose columns are spread. */
    const ls_param *sharded;
    size_t front; /* layers up to and with the one of this parameter; 0 where there is none */
    const ls_gemm *gemm;
} ls_model;

/* Plans the layers of the config on samples of shape `in`; weights are zero. `loss` tells
 * whether the last layer is absorbed. columns (NULL: all) are those of the input that this model
 * holds; ls_model_can_shard must say yes. gemm multiplies. config must outlive the model. Errors:
 * ERR_CONFIG naming the layer, also a last one whose outputs the loss can not take; ERR_MEMORY. */
ls_status ls_model_create(const ls_choice_list *config, const ls_choice *loss, const ls_shape *in,
                          const ls_tree_range *columns, const ls_gemm *gemm,
                          ls_model **out) LS_MUST_CHECK;

/* Whether the columns of the input can be spread: the first layer that is not elementwise is a sum
 * over them, of which no other layer needs the weights. */
bool ls_model_can_shard(const ls_choice_list *config);

/* Why they can not be, as a clause; NULL: they can. */
const char *ls_model_why_whole(const ls_choice_list *config);

/* *weights = how many trained parameters such a model has, without memory for them. Errors: as
 * ls_model_create. */
ls_status ls_model_count(const ls_choice_list *config, const ls_shape *in,
                         double *weights) LS_MUST_CHECK;
void ls_model_destroy(ls_model *model);

/* From now on the weights are in slab[slab_floats], which has their values and outlives the model.
 */
void ls_model_move(ls_model *model, float *slab);

/* First values of all parameters. Errors: ERR_CONFIG. */
ls_status ls_model_init(ls_model *model, uint32_t seed) LS_MUST_CHECK;

/* XXH3-128 over the parameters in model order, little-endian float32, dense weights as
 * [out, in]; hex holds at least 33 bytes. */
ls_status ls_model_hash(const ls_model *model, char *hex) LS_MUST_CHECK;

/* The buffers of a pass over at most `rows` rows, for training in so many lanes (0: not for
 * training), through layers [first, end). */
typedef struct ls_activations {
    size_t rows, n_layers, first, end;
    float **y;              /* [n_layers] outputs */
    void **state;           /* [n_layers] */
    void *room;             /* that layers work in, one after the other */
    float *delta[2];        /* gradients on their way back from the last layer; NULL where that is
                               not among these, or not for training */
    float *logits_gradient; /* [rows, out], for the loss; NULL likewise */
} ls_activations;

ls_status ls_activations_create(const ls_model *model, size_t first, size_t end, size_t rows,
                                size_t lanes, ls_activations **out) LS_MUST_CHECK;
void ls_activations_destroy(ls_activations *a);

/* Bytes that ls_activations_create takes. */
size_t ls_activations_bytes(const ls_model *model, size_t first, size_t end, size_t rows,
                            size_t lanes);

/* x[B, in], the input of layer a->first, through the layers of a that a pass runs. Returns what
 * the last one gives (logits where the loss has a link), or x where there is none; it lives in
 * a. */
const float *ls_model_forward(const ls_model *model, ls_activations *a, const ls_pass *pass,
                              const float *x);

/* From a->logits_gradient, that of the last layer that a pass runs, back to layer a->first, to
 * where gradients go; x as above. Returns the gradient of x, or NULL where nobody
 * wants it: of the data, or where no layer before is trained. */
const float *ls_model_backward(const ls_model *model, ls_activations *a, const ls_pass *pass,
                               const float *x, const ls_gradients *gradients);

#endif
