# SPDX-License-Identifier: Apache-2.0
#
# cmake -D out=FILE.c -D template=page.html -D style=page.css -D scripts=a.js|b.js -P assemble.cmake
#
# Puts the style and the scripts, in this order, into the template and writes it as the bytes of
# embedded_page. The licence line that heads each of them appears once, in the template.

file(READ ${template} page)
file(READ ${style} style)
set(script "")
string(REPLACE "|" ";" scripts "${scripts}")
foreach(file IN LISTS scripts)
    file(READ ${file} text)
    string(APPEND script "${text}")
endforeach()
foreach(part style script)
    string(REPLACE "/* SPDX-License-Identifier: Apache-2.0 */\n" "" ${part} "${${part}}")
    string(REPLACE "{{${part}}}" "${${part}}" page "${page}")
endforeach()
file(WRITE ${out}.html "${page}")
file(READ ${out}.html hex HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "(................................................................................)" "\\1\n"
                     bytes "${bytes}")
file(WRITE ${out}
     "/* Made by analyzer/page/assemble.cmake. */\n#include \"embedded.h\"\n\n"
     "const char embedded_page[] = {\n${bytes}0};\n")
