"""Keys and signatures that minisign made, recorded: what ours are checked against. The secret key is nobody's."""

# The vector of jedisct1/rust-minisign-verify: the file holds "test".
PUBLISHED_KEY = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
PUBLISHED = """\
untrusted comment: signature from minisign secret key
RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=
trusted comment: timestamp:1556193335\tfile:test
y/rUw2y8/hOUYjZU71eHp/Wo1KZ40fGy2VJEDl34XMJM+TX48Ss/17u3IvIfbVR1FkZZSNCisQbuQY+bHwhEBg==
"""
PUBLISHED_OLD = """\
untrusted comment: signature from minisign secret key
RWQf6LRCGA9i59SLOFxz6NxvASXDJeRtuZykwQepbDEGt87ig1BNpWaVWuNrm73YiIiJbq71Wi+dP9eKL8OC351vwIasSSbXxwA=
trusted comment: timestamp:1555779966\tfile:test
QtKMXWyYcwdpZAlPF7tE2ENJkRd1ujvKjlj1m9RtHTBnZPa5WKU5uWRs5GoP5M/VqE81QFuMKI5k/SfNQUaOAA==
"""
# Made by minisign 0.11 (Debian 0.11-1): `-G -W`, then `-S -t 'trusted words'` of a file that holds "test".
PUBLIC = """\
untrusted comment: minisign public key C2FA1B2E13F43BFF
RWT/O/QTLhv6wueNvzScf6dLCMME2FBAkf3Pl2Wx/h3W298nC+lS+rE/
"""
SECRET = """\
untrusted comment: minisign encrypted secret key
RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/zv0Ey4b+sIqj04zazNLvXjqbJz5PnSfIlIMbcsky8XMmB\
lSxkDm7+eNvzScf6dLCMME2FBAkf3Pl2Wx/h3W298nC+lS+rE/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
"""
SIGNED = """\
untrusted comment: signature from minisign secret key
RUT/O/QTLhv6wqUaJIqzlxW6NvPFPUI5dbjQ/5iBgdWmsLC2bnHZFVjr4zXGYIoPALsBn27/sstIBOMR54WGGgeLJRDzgnF2twU=
trusted comment: trusted words
FD+mxF+1NaXFvEI3WwxWDVJRG2V3ai8KI0XFpRw5gSoTFt/nfGZ+Mq13N3s8pgnWcMKr6pg3SLkrWkHusq1RCw==
"""
# The same key under the password "geheim", with less for scrypt to do than minisign asks for, which would take a second
# and a gibibyte: libsodium's interactive limits, and its least operations (the other way to choose N). minisign 0.11
# opens both and signs as above.
INTERACTIVE = """\
untrusted comment: minisign encrypted secret key
RWRTY0IyAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8AAAgAAAAAAAAAAAEAAAAA87NRheadX01hXqSeQiY8h0h057HZlcJgBH1h/iX27lXz2j/bdhZj\
Gs6hDxMre3Id7VVD7KKiE3QFhuy898wSCrKbIG5t5Ao+kBKbTVXhU0Wc9X17T1HzLOCafaJCeliUEbj+w2az65Q=
"""
LEAST = """\
untrusted comment: minisign encrypted secret key
RWRTY0IyAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8AgAAAAAAAAAAAQAAAAAAANFQsSBQnhNQFDfIXdqeiF3Jb1fcsLwBm45YUPsireua3Mzzd\
DE+mAca2QtfoCYBJzFcA39LWfZ39xbw2yMt/Pj5Tj/xRNsiz+srGrDgI/AxhRHBKHl/+joU4MrpCrqCagqHnphMAmpY=
"""
