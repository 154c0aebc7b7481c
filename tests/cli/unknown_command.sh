memanalyze improt x.zst
