/* The signal that asked this process to stop. */
#ifndef LS_TRAIN_SIGNALS_H
#define LS_TRAIN_SIGNALS_H

/* Its number, or 0. */
int ls_signal_received(void);

#endif
