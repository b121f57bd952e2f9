# Writes ls_build.h with the facts of this build; only touches it when they changed.
cmake_minimum_required(VERSION 3.20)
execute_process(COMMAND git -C ${SOURCE_DIR} describe --always --dirty --abbrev=12
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed OR NOT commit)
  set(commit "unknown")
endif()
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT
"/* Facts of this build; generated. */
#ifndef LS_BUILD_H
#define LS_BUILD_H
#define LS_BUILD_VERSION \"@VERSION@\"
#define LS_BUILD_COMMIT \"@commit@\"
#define LS_BUILD_TYPE \"@BUILD_TYPE@\"
#endif
")
