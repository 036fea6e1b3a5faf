# PairLIE tested on LOL v1, with any checkpoint. The authors' exponent for LOL
# is generator.correction=0.14.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/pairlie.py',
    '../_base_/datasets/lol_test.py',
]
