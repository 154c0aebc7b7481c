memanalyze info --fromat json x.zst
