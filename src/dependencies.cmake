# Finds what lockstep is built from; a missing one is an error that names Debian's package.

# ls_missing(what package): stops with the package to install.
function(ls_missing what package)
  message(FATAL_ERROR
    "lockstep: ${what} was not found.\n"
    "  Debian/Ubuntu: apt-get install ${package}\n"
    "  Spack, EasyBuild, modules: load the package that provides ${what} and configure again.")
endfunction()

# ls_pkg(target pkg-config-name Debian-package)
macro(ls_pkg target name package)
  pkg_check_modules(${target} QUIET IMPORTED_TARGET ${name})
  if(NOT ${target}_FOUND)
    ls_missing(${name} ${package})
  endif()
endmacro()

find_package(PkgConfig QUIET)
if(NOT PKG_CONFIG_FOUND)
  ls_missing(pkg-config pkg-config)
endif()

if(LS_OPENMP)
  find_package(OpenMP QUIET COMPONENTS C)
  if(NOT OpenMP_C_FOUND)
    ls_missing("a C compiler with OpenMP" gcc)
  endif()
endif()

find_package(MPI QUIET COMPONENTS C)
if(NOT MPI_C_FOUND)
  ls_missing("MPI (Open MPI 4.1 or newer)" "libopenmpi-dev openmpi-bin")
endif()

find_package(ZLIB QUIET)
if(NOT ZLIB_FOUND)
  ls_missing(zlib zlib1g-dev)
endif()

ls_pkg(JANSSON jansson libjansson-dev)
ls_pkg(YAML yaml-0.1 libyaml-dev)
ls_pkg(XXHASH libxxhash libxxhash-dev)
ls_pkg(SLEEF sleef libsleef-dev)

find_path(LS_RANDOM123_DIR Random123/philox.h)
if(NOT LS_RANDOM123_DIR)
  ls_missing(Random123 librandom123-dev)
endif()

# The serial HDF5: every rank reads its own hyperslabs, rank 0 writes.
set(HDF5_PREFER_PARALLEL OFF)
find_package(HDF5 QUIET COMPONENTS C)
if(NOT HDF5_FOUND)
  ls_missing("HDF5 1.10 or newer" libhdf5-dev)
endif()
if(HDF5_VERSION VERSION_LESS 1.10)
  ls_missing("HDF5 1.10 or newer (found ${HDF5_VERSION})" libhdf5-dev)
endif()
add_library(LS::hdf5 INTERFACE IMPORTED)
target_include_directories(LS::hdf5 SYSTEM INTERFACE ${HDF5_C_INCLUDE_DIRS})
target_link_libraries(LS::hdf5 INTERFACE ${HDF5_C_LIBRARIES})

# OpenBLAS, its OpenMP build: Debian keeps it in a directory of its own beside the pthread
# build. Elsewhere (Spack: openblas threads=openmp) the usual places are searched; the
# program checks the kind of build when it starts.
find_library(LS_OPENBLAS_LIBRARY NAMES openblas
  PATH_SUFFIXES openblas-openmp ${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp)
find_path(LS_OPENBLAS_INCLUDE_DIR NAMES cblas.h
  PATH_SUFFIXES openblas-openmp ${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp openblas)
if(NOT LS_OPENBLAS_LIBRARY OR NOT LS_OPENBLAS_INCLUDE_DIR)
  ls_missing("OpenBLAS (its OpenMP build)" libopenblas-openmp-dev)
endif()
add_library(LS::openblas INTERFACE IMPORTED)
target_include_directories(LS::openblas SYSTEM INTERFACE ${LS_OPENBLAS_INCLUDE_DIR})
target_link_libraries(LS::openblas INTERFACE ${LS_OPENBLAS_LIBRARY})

# libxsmm, where it is: without it compute.gemm is openblas. What it wants of a BLAS, OpenBLAS has.
if(LS_LIBXSMM)
  pkg_check_modules(LIBXSMM QUIET IMPORTED_TARGET libxsmm)
endif()

# oneDNN, where it is, version 2 (another one's C interface is another): without it there is no
# precision: bf16.
if(LS_ONEDNN)
  find_library(LS_ONEDNN_LIBRARY NAMES dnnl)
  find_path(LS_ONEDNN_INCLUDE_DIR NAMES oneapi/dnnl/dnnl.h)
  if(LS_ONEDNN_LIBRARY AND LS_ONEDNN_INCLUDE_DIR)
    file(STRINGS ${LS_ONEDNN_INCLUDE_DIR}/oneapi/dnnl/dnnl_version.h _onednn_version
         REGEX "define DNNL_VERSION_MAJOR 2$")
    if(_onednn_version)
      add_library(LS::onednn INTERFACE IMPORTED)
      target_include_directories(LS::onednn SYSTEM INTERFACE ${LS_ONEDNN_INCLUDE_DIR})
      target_link_libraries(LS::onednn INTERFACE ${LS_ONEDNN_LIBRARY})
    endif()
  endif()
endif()
