mkdir bad.zst
