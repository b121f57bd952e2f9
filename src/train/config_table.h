/* Sections of the config's table that have a file of their own.
 *
 * Why here: config_table.c names them. Private to this module. */
#ifndef LS_TRAIN_CONFIG_TABLE_H
#define LS_TRAIN_CONFIG_TABLE_H

#include "lockstep/opt/options.h"

extern const ls_opt ls_config_data_table[];

#endif
