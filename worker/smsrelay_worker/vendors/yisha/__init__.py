"""北京一砂 (esandinfo): sold on the Aliyun marketplace, called through the Aliyun API gateway."""
