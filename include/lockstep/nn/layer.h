/* The contract of a layer: shape, parameters, forward, backward.
 *
 * A layer type is one row: its name and options, and four functions. A layer of a model is an
 * instance: options, shapes, and where its parameters lie in the model's slabs. Layers hold
 * offsets, never memory of parameters or gradients.
 *
 * Why here: adding a layer is one file in src/nn/layers and one row in src/nn/layers.c.
 * Never sees MPI or a file.
 */
#ifndef LS_NN_LAYER_H
#define LS_NN_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/status.h"
#include "lockstep/math/gemm.h"
#include "lockstep/math/lanes.h"
#include "lockstep/nn/link.h"
#include "lockstep/opt/options.h"

/* The shape of one sample: [D], [C, L], [T, D] or [C, H, W]. */
typedef struct ls_shape {
    int rank;
    size_t dim[3];
} ls_shape;

/* Floats of one sample. */
size_t ls_shape_size(const ls_shape *shape);

#define LS_LAYER_PARAMS_MAX 4
#define LS_LAYER_NAME_MAX 48
#define LS_LAYER_PATH_MAX 96

/* How a layer's parameters are trained, beside what the config says of all. */
typedef struct ls_param_training {
    double lr_scale; /* times the learning rate */
    bool frozen;     /* they stay as they are */
} ls_param_training;

/* What a layer asks for: one of its parameters. */
typedef struct ls_param_spec {
    const char *name; /* "weight", "bias" */
    int rank;
    size_t dim[4];
    const ls_choice *init; /* one of ls_init_choices */
    size_t fan_in, fan_out;
    /* Of a matrix that this rank has some columns of: dim tells these, first_column where they
     * begin, all_columns how many there are over all ranks; 0: all are here. */
    size_t first_column, all_columns;
    bool multiplies;                   /* a matrix that ls_gemm multiplies by: it lies in strips */
    const ls_param_training *training; /* NULL: as the config says of all */
    /* Not 0: no trained numbers but running statistics. Backward forms, as their gradient, the sum
     * over rows of what they are the mean of; they move by this share to that mean. */
    double running;
} ls_param_spec;

typedef struct ls_layer_plan {
    ls_shape out;
    size_t n_params;
    ls_param_spec param[LS_LAYER_PARAMS_MAX];
    size_t state_bytes; /* what backward needs of forward beside x and y, a sample */
} ls_layer_plan;

/* A parameter begins at a multiple of this many floats of a slab, a cache line: it takes so many
 * for its count. */
#define LS_SLAB_ALIGN ((size_t)16)
static inline size_t ls_slab_room(size_t count) {
    return (count + LS_SLAB_ALIGN - 1) / LS_SLAB_ALIGN * LS_SLAB_ALIGN;
}

/* Who works on the slabs while a pass goes through them. */
typedef struct ls_overlap {
    /* Forward: whether weights are there; returns when they are, before they are read. */
    bool (*has)(void *context, ls_tree_range floats);
    void (*need)(void *context, ls_tree_range floats);
    /* Backward: these gradients are there, and the weights not read any more. */
    void (*done)(void *context, ls_tree_range floats);
    void *context;
    size_t panel;       /* floats that it pays to call them for */
    size_t last;        /* float from which on backward had better come last */
    ls_between between; /* that work goes on only while it is called, often */
} ls_overlap;

/* One pass over a batch: which rows, and what random draws are keyed by. */
typedef struct ls_pass {
    ls_segments rows;
    bool training;
    uint32_t seed, epoch;
    const uint32_t *position;  /* [B] a row's place in the epoch's order; training only */
    const ls_lanes *lanes;     /* training only */
    const ls_overlap *overlap; /* NULL: nobody else works on the slabs */
} ls_pass;

struct ls_layer_type;

typedef struct ls_layer {
    const struct ls_layer_type *type;
    const void *options;
    const ls_gemm *gemm;          /* what multiplies */
    uint32_t index;               /* in the model, from 0 */
    char name[LS_LAYER_NAME_MAX]; /* "0_dense": its place in the config and its type; inside of a
                                     block "2_residual_0_dense" */
    char path[LS_LAYER_PATH_MAX]; /* its place in the config: "model.0" */
    /* The layer that ends the block which this one begins, or that uses its first parameter, too;
     * or the other way round. Else NULL. */
    const struct ls_layer *partner;
    ls_shape in, out;
    size_t first_unit; /* which of all units out[0] is: not 0 where other ranks have units, too */
    size_t in_size, out_size;
    size_t n_params;
    size_t offset[LS_LAYER_PARAMS_MAX]; /* of each parameter in a slab */
} ls_layer;

/* A tile of the gradient of the parameter that begins at offset of a slab, see math/gemm.h: whoever
 * gets it may change that part of the parameter. Called by any thread. */
typedef void ls_gradient_use(void *context, size_t offset, const ls_tile *tile);

/* Where gradients go. */
typedef struct ls_gradients {
    float *const *root; /* [roots] slabs */
    /* NULL, or takes those of matrices, which root then does not get. Only where one root is of all
     * lanes. */
    ls_gradient_use *use;
    void *context;
} ls_gradients;

/* The arrays of one call. Gradients are written, not added: root i's slab receives the sum over
 * the lanes of that root. */
typedef struct ls_layer_io {
    const float *weights; /* the model's slab */
    const float *x;       /* [B, in] */
    float *y;             /* [B, out] */
    void *state;          /* [B, state_bytes] */
    const float *dy;      /* [B, out]; backward */
    float *dx;            /* [B, in], NULL: not wanted; backward */
    void *room;           /* what the type's room() asks for, aligned; nothing stays in it */
    const ls_gradients *gradients; /* backward */
    /* Of the layer's partner: its output, and the state that its backward reads; NULL where it has
     * none, or is not reached any more. */
    const float *partner_y;
    void *partner_state;
} ls_layer_io;

/* What a layer does to the columns of its input: whether they can be on different ranks. */
typedef enum ls_layer_columns {
    LS_COLUMNS_TOGETHER, /* it needs a whole row */
    LS_COLUMNS_APART,    /* elementwise, without parameters: unit i of the output from unit i */
    LS_COLUMNS_SUMMED    /* y = x W^T + what is no sum over columns; W is its first parameter */
} ls_layer_columns;

struct ls_elementwise;

typedef struct ls_layer_type {
    ls_opt_row row;
    ls_layer_columns columns;
    /* Of a layer that begins a block: the layers inside, and the type of the one that ends it. Else
     * NULL. */
    const ls_choice_list *(*inside)(const void *options);
    const struct ls_layer_type *end;
    /* One other layer may use its first parameter, too. Of such a layer: the number, in their list,
     * of the one before it that lends the parameter. Else NULL. */
    bool lends;
    size_t (*lender)(const void *options);
    bool can_die;   /* a unit may give 0 whatever comes, and then learns no more */
    bool in_panels; /* calls a pass's overlap itself; else it is called for the whole layer */
    bool is_step;   /* it has no gradient, so that nothing before it can learn, unless it is last:
                       backward hands on that of its output as it is */
    const struct ls_elementwise *loops; /* of an activation: see src/nn/layers.h */
    ls_link link;                       /* the function that it is, if that is a loss's */
    /* Which numbers its outputs are, "from 0 to 1"; NULL: any. */
    const char *range;
    /* Tells shapes and parameters from the options and the shape that comes in. Errors:
     * ERR_CONFIG. */
    ls_status (*plan)(const void *options, const ls_shape *in, ls_layer_plan *plan);
    /* Of a layer whose partner stands before it: checks that they fit, and ends both plans. NULL:
     * nothing to do. Errors: ERR_CONFIG. */
    ls_status (*join)(const ls_layer *layer, ls_layer_plan *plan, ls_layer_plan *partner);
    /* Bytes that a pass over so many rows in so many lanes works in; NULL: none. */
    size_t (*room)(const ls_layer *layer, size_t rows, size_t lanes);
    void (*forward)(const ls_layer *layer, const ls_pass *pass, const ls_layer_io *io);
    void (*backward)(const ls_layer *layer, const ls_pass *pass, const ls_layer_io *io);
} ls_layer_type;

/* All layers, for the config's table. */
extern const ls_opt_choices ls_layer_choices;

/* Rows of a pass. */
size_t ls_pass_rows(const ls_pass *pass);

#endif
