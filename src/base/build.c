/* The facts of this build, from the generated header. */
#include "lockstep/base/build.h"

#include "ls_build.h"

const char *ls_build_version(void) {
    return LS_BUILD_VERSION;
}

const char *ls_build_commit(void) {
    return LS_BUILD_COMMIT;
}

const char *ls_build_type(void) {
    return LS_BUILD_TYPE;
}

const char *ls_build_compiler(void) {
#if defined(__clang__)
    return __VERSION__;
#else
    return "gcc " __VERSION__;
#endif
}
