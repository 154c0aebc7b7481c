# SPDX-License-Identifier: Apache-2.0
export XDG_CONFIG_HOME=/nonexistent
cat >complete.bash <<'B'
eval "$(memanalyze completion bash)"
touch "a trace.zst"
for words in "rep" "report leak" "import --ou" "info a" "report zzz"; do
    COMP_WORDS=(memanalyze $words) COMP_CWORD=$(($(wc -w <<<"$words")))
    _memanalyze
    echo "$words: ${COMPREPLY[*]}"
done
B
bash complete.bash
memanalyze completion zsh | head -n 4
memanalyze completion fish | grep "a leaks "
memanalyze completion tcsh; echo $?
memanalyze completion; echo $?
