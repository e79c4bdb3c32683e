# cmake --install BUILD --prefix P gives a folder that runs from anywhere on the same kind of system: the program finds its shared
# libraries in ../lib and its configuration in ../conf.
if(NOT TARGET weir)
    return()
endif()

set_property(TARGET weir PROPERTY INSTALL_RPATH "$ORIGIN/../lib")
target_link_options(weir PRIVATE -Wl,--disable-new-dtags) # the path holds for the libraries of libraries, too
install(TARGETS weir RUNTIME_DEPENDENCY_SET weir_dependencies RUNTIME DESTINATION bin)
# The C library and the loader belong to the system and must fit its kernel; all others come along.
install(RUNTIME_DEPENDENCY_SET weir_dependencies
    PRE_EXCLUDE_REGEXES "^ld-linux" "^libc\\.so" "^libm\\.so" "^libpthread\\.so" "^libdl\\.so" "^librt\\.so" "^libresolv\\.so"
    LIBRARY DESTINATION lib)

foreach(folder conf examples web docs)
    if(IS_DIRECTORY ${CMAKE_SOURCE_DIR}/${folder})
        install(DIRECTORY ${folder}/ DESTINATION ${folder} USE_SOURCE_PERMISSIONS)
    endif()
endforeach()
if(IS_DIRECTORY ${CMAKE_SOURCE_DIR}/bin)
    install(DIRECTORY bin/ DESTINATION bin USE_SOURCE_PERMISSIONS)
endif()
foreach(file LICENSE README.md CHANGELOG.md)
    if(EXISTS ${CMAKE_SOURCE_DIR}/${file})
        install(FILES ${file} DESTINATION .)
    endif()
endforeach()
