/* The facts of this build: version, git commit, kind of build, compiler. */
#ifndef LS_BASE_BUILD_H
#define LS_BASE_BUILD_H

const char *ls_build_version(void);
const char *ls_build_commit(void); /* "unknown" outside a git checkout */
const char *ls_build_type(void);   /* "Release" */
const char *ls_build_compiler(void);

#endif
