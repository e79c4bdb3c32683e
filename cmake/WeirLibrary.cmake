# weir_library(NAME [PURE] [ALLOW lib...] [LINK library...]): the one way a folder of src/ becomes a target.
#
# The first architecture lock lives here: a target sees exactly the folders it names in ALLOW. Each folder is published as
# <build>/include/<name>/<name> (a link), and only the allowed ones are put on the include path, so that
# #include "data/vector.h" compiles only where "data" is allowed. Nothing is inherited: what is not named is not seen.
# The other two locks (whole-archive link, nm allow-list) read the targets' properties, see tools/locks/.

set(WEIR_SANITIZE "" CACHE STRING "comma-separated sanitizers for -fsanitize=")
find_program(WEIR_CCACHE ccache)
if(WEIR_CCACHE)
    set(CMAKE_C_COMPILER_LAUNCHER ${WEIR_CCACHE})
    set(CMAKE_CXX_COMPILER_LAUNCHER ${WEIR_CCACHE})
endif()

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g")
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g")

add_compile_options(-Wall -Wextra -Werror -Wshadow -Wno-unused-parameter -fno-strict-aliasing -fno-omit-frame-pointer -march=x86-64-v2)
add_compile_options($<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes> $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes> -fwrapv)
# Messages are cut to their buffers on purpose; gcc would have each of them proven to fit. Its guess at what is uninitialised or out of bounds
# depends on the level of optimisation and is often wrong: it is shown, but fails nothing.
add_compile_options($<$<C_COMPILER_ID:GNU>:-Wno-format-truncation> $<$<C_COMPILER_ID:GNU>:-Wno-error=array-bounds> $<$<C_COMPILER_ID:GNU>:-Wno-error=maybe-uninitialized>)
# memcpy of no bytes from no address is fine here, as the next C standard has it: no null check is dropped because of it.
add_compile_options(-fno-delete-null-pointer-checks)
if(WEIR_SANITIZE)
    add_compile_options(-fsanitize=${WEIR_SANITIZE} -fno-sanitize-recover=undefined -fno-sanitize=nonnull-attribute)
    add_link_options(-fsanitize=${WEIR_SANITIZE})
endif()

# Fuzz targets (test/fuzz) need clang's libFuzzer; the compiler that decides about warnings stays the one of the other builds.
option(WEIR_FUZZ "build the fuzz targets; needs clang" OFF)
if(WEIR_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link,address -Wno-error)
    add_link_options(-fsanitize=address)
endif()

# Planted bugs (control/planted.h): a build in which the simulator can switch a known defect on, to prove that a checker sees it.
option(WEIR_PLANTED_BUGS "build product code with planted bugs; for the simulator alone" OFF)
if(WEIR_PLANTED_BUGS)
    add_compile_definitions(WEIR_PLANTED_BUGS)
endif()

# Publishes src/<path> as "<name>/" for those who may include it.
function(weir_publish name path)
    set(holder ${CMAKE_BINARY_DIR}/include/${name})
    file(MAKE_DIRECTORY ${holder})
    file(CREATE_LINK ${CMAKE_SOURCE_DIR}/src/${path} ${holder}/${name} SYMBOLIC)
endfunction()

foreach(name base config data proto spi plan expr state sql control env actor task ops sim os host session)
    if(EXISTS ${CMAKE_SOURCE_DIR}/src/${name})
        weir_publish(${name} ${name})
    endif()
endforeach()

# Loops over vectors live here: unrolling and vectorising pays.
set(WEIR_KERNEL_LIBRARIES data expr ops)

# What each target declares, for the locks: <build>/house/<name>.txt, written anew by every configuration.
file(REMOVE_RECURSE ${CMAKE_BINARY_DIR}/house)

function(weir_allow_includes target)
    foreach(name ${ARGN})
        target_include_directories(${target} PRIVATE ${CMAKE_BINARY_DIR}/include/${name})
        if(name STREQUAL proto) # its generated header is published beside it
            target_include_directories(${target} PRIVATE ${CMAKE_BINARY_DIR}/generated/proto)
        endif()
    endforeach()
endfunction()

# weir_declare(name [PURE] DIRECTORY folder [ALLOW lib...] [LINK library...]): tells the locks and the tests what target
# weir_<name> declares. weir_library does it; a target that is made by hand (a plug-in) calls it itself.
function(weir_declare name)
    cmake_parse_arguments(ARG "PURE" "DIRECTORY" "ALLOW;LINK" ${ARGN})
    set_property(TARGET weir_${name} PROPERTY WEIR_ALLOW "${ARG_ALLOW}")
    file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/house/${name}.txt CONTENT
        "name ${name}\npure ${ARG_PURE}\nallow ${ARG_ALLOW}\nlink ${ARG_LINK}\narchive $<TARGET_FILE:weir_${name}>\ndirectory ${ARG_DIRECTORY}\n")
endfunction()

function(weir_library name)
    cmake_parse_arguments(ARG "PURE" "DIRECTORY" "ALLOW;LINK" ${ARGN})
    if(NOT ARG_DIRECTORY)
        set(ARG_DIRECTORY ${CMAKE_SOURCE_DIR}/src/${name})
    endif()
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${ARG_DIRECTORY}/*.c ${ARG_DIRECTORY}/*.cc)
    if(NOT sources)
        return()
    endif()
    add_library(weir_${name} STATIC ${sources})
    weir_allow_includes(weir_${name} ${name} ${ARG_ALLOW})
    foreach(allowed ${ARG_ALLOW})
        if(TARGET weir_${allowed}) # a folder of headers alone (spi) is no target
            target_link_libraries(weir_${name} PUBLIC weir_${allowed})
        endif()
    endforeach()
    target_link_libraries(weir_${name} PUBLIC ${ARG_LINK})
    if(name IN_LIST WEIR_KERNEL_LIBRARIES)
        # One product rounds as another, whichever processor a clone of a loop was chosen for (WEIR_CPU_CLONES): nothing is fused.
        target_compile_options(weir_${name} PRIVATE $<$<CONFIG:RelWithDebInfo>:-O3> -ffp-contract=off)
    endif()
    set(pure)
    if(ARG_PURE)
        set(pure PURE)
    endif()
    weir_declare(${name} ${pure} DIRECTORY ${ARG_DIRECTORY} ALLOW ${ARG_ALLOW} LINK ${ARG_LINK})
    set_property(GLOBAL APPEND PROPERTY WEIR_LIBRARIES ${name})
endfunction()
