memanalyze record --help
