# SPDX-License-Identifier: Apache-2.0
memanalyze info; echo $?
memanalyze info a b; echo $?
memanalyze info --format; echo $?
memanalyze info --format=xml a; echo $?
memanalyze record; echo $?
memanalyze record -i 3Q true; echo $?
memanalyze record --full=yes true; echo $?
memanalyze recover; echo $?
memanalyze frobnicate
