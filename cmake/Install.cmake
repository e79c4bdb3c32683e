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

foreach(folder examples web docs)
    if(IS_DIRECTORY ${CMAKE_SOURCE_DIR}/${folder})
        install(DIRECTORY ${folder}/ DESTINATION ${folder} USE_SOURCE_PERMISSIONS)
    endif()
endforeach()
# What somebody has configured is kept when a newer version is installed over it.
install(CODE "
    file(GLOB files \"${CMAKE_SOURCE_DIR}/conf/*\")
    foreach(file IN LISTS files)
        get_filename_component(name \"\${file}\" NAME)
        if(EXISTS \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/conf/\${name}\")
            message(STATUS \"Kept as it is: \${CMAKE_INSTALL_PREFIX}/conf/\${name}\")
        else()
            file(INSTALL \"\${file}\" DESTINATION \"\${CMAKE_INSTALL_PREFIX}/conf\")
        endif()
    endforeach()
")
if(IS_DIRECTORY ${CMAKE_SOURCE_DIR}/bin)
    install(DIRECTORY bin/ DESTINATION bin USE_SOURCE_PERMISSIONS)
endif()
foreach(file LICENSE README.md CHANGELOG.md)
    if(EXISTS ${CMAKE_SOURCE_DIR}/${file})
        install(FILES ${file} DESTINATION .)
    endif()
endforeach()
