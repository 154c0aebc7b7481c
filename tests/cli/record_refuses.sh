# SPDX-License-Identifier: Apache-2.0
memanalyze record nosuchprogram; echo $?
memanalyze record ./nosuchprogram; echo $?
echo 'echo hello' >hello-script
memanalyze record ./hello-script; echo $?
memanalyze record hello-script; echo $?
memanalyze record /; echo $?
echo old >old.zst
memanalyze record -o old.zst true; echo $?
memanalyze record -o nowhere/x.zst true; echo $?
mkdir folder
memanalyze record -o folder true; echo $?
MEMREC_LIBRARY=/nowhere/lib.so memanalyze record true; echo $?
MEMREC_LIBRARY='' memanalyze record -- nosuchprogram; echo $?
memanalyze record --adapter perl true; echo $?
cat old.zst
ls
