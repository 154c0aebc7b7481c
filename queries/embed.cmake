# SPDX-License-Identifier: Apache-2.0
#
# cmake -D out=FILE.c -D queries=a.sql|b.sql -D charts=c.sql -D schemas=d.sql -D sets=e.set -P embed.cmake
#
# Writes a C file with the bytes of each file, each ending in a NUL, and the four tables that
# analyzer/embedded.h declares, in the order of their names.

# Appends the bytes of each file and the table `embedded_<table>` to `text`.
function(embed table files)
    string(REPLACE "|" ";" files "${files}")
    set(rows "")
    foreach(file IN LISTS files)
        get_filename_component(name ${file} NAME_WE)
        file(READ ${file} hex HEX)
        string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
        string(REGEX REPLACE "(................................................................................)"
                             "\\1\n" bytes "${bytes}")
        string(APPEND text "static const char ${table}_${name}[] = {\n${bytes}0};\n\n")
        string(APPEND rows
            "    {\"${name}\", ${table}_${name}, sizeof ${table}_${name} - 1},\n")
    endforeach()
    list(LENGTH files count)
    string(APPEND text
        "const struct embedded_sql embedded_${table}[] = {\n${rows}    {NULL, NULL, 0}};\n"
        "const size_t embedded_${table}_count = ${count};\n\n")
    set(text "${text}" PARENT_SCOPE)
endfunction()

set(text "/* Made by queries/embed.cmake. */\n#include \"embedded.h\"\n\n")
embed(queries "${queries}")
embed(charts "${charts}")
embed(schemas "${schemas}")
embed(sets "${sets}")
file(WRITE ${out} "${text}")
