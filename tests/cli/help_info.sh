memanalyze help info
