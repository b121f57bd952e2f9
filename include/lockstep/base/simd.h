/* LS_SIMD: a function that is compiled for several instruction sets, of which one is chosen at
 * start.
 *
 * Why here: loops that the compiler turns into vector code stand in functions of their own, in
 * every module. Without contraction and reassociation (see CMakeLists.txt) all of them give the
 * same bits. Never with sanitizers, which do not work with the loader's resolvers.
 */
#ifndef LS_BASE_SIMD_H
#define LS_BASE_SIMD_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(LS_SANITIZED)
#define LS_SIMD __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define LS_SIMD
#endif

#endif
