/* The processors that a process may use, and how the ranks of one machine share them.
 *
 * Three things bound them: the affinity mask (set by mpirun's or srun's binding, inside a
 * cgroup's cpuset), the processor time that a cgroup grants (containers), and what Slurm counts
 * as the job's where it does not enforce it. Hyperthreads are told from cores: kernels that fill
 * a core's arithmetic units gain nothing from a second thread there.
 *
 * Why here: it is knowledge of the machine; what follows from it is decided above. Never changes
 * how many threads there are, and knows of ranks only what it is told.
 */
#ifndef LS_BASE_CPUS_H
#define LS_BASE_CPUS_H

#include <stddef.h>
#include <stdint.h>

#define LS_CPUS_MAX 4096 /* processors of the largest machine */

typedef struct ls_cpu_set {
    uint64_t bits[LS_CPUS_MAX / 64];
} ls_cpu_set;

/* What one process may use. It holds no pointers and can be sent to other ranks. */
typedef struct ls_cpus {
    ls_cpu_set processors; /* the affinity mask; empty where the system does not tell */
    ls_cpu_set cores;      /* the lowest processor of each core in the mask */
    int possible;          /* cores that it could use if it were not bound */
    int slurm;             /* processors of this machine that Slurm gave the job; 0: none named */
    double quota;          /* processors' worth of time that the cgroup grants; INFINITY: any */
    int threads;           /* that the process runs, or was told to run */
} ls_cpus;

/* Looks at the calling process; threads stays 0. Not collective. Never fails: what can not be
 * found out bounds nothing. */
void ls_cpus_find(ls_cpus *out);

/* How many threads process me of the n processes on one machine should run: the cores of its
 * mask, each divided by the processes that may use it, and no more than its part of what is
 * granted; at least 1, or 0 where nothing is known. */
int ls_cpus_share(const ls_cpus *process, size_t n, size_t me);

/* How the n processes of one machine use it with the threads that they run. */
typedef struct ls_cpus_use {
    int ranks, threads;
    int processors; /* that they may use together */
    int cores;      /* the same in cores */
    int possible;   /* cores that they could use if they were not bound */
    int fit;        /* threads a process with which the possible cores are used, at least 1 */
    double load;    /* threads that share one processor, where that is worst */
} ls_cpus_use;

/* Process 0's masks must be known (not empty), else all of *out is 0. */
void ls_cpus_judge(const ls_cpus *process, size_t n, ls_cpus_use *out);

/* The processor's name as Linux tells it, or "unknown". Returns buffer. */
const char *ls_cpu_name(char *buffer, size_t size);

/* The smallest quota on the way from the process's cgroup up to the root, in processors' worth of
 * time; INFINITY where there is none. The files are /proc/self/cgroup and /proc/self/mountinfo;
 * versions 1 and 2 of cgroups. */
double ls_cgroup_quota(const char *cgroup_file, const char *mountinfo_file);

#endif
