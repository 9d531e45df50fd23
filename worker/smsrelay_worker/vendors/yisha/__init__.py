"""北京一砂 (esandinfo), sold on the Aliyun marketplace and called through its API gateway."""
