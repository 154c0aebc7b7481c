mkfifo bad.zst
