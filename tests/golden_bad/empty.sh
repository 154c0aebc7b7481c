: >bad.zst
