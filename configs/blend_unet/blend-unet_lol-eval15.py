# BlendUNet tested on LOL v1, with any checkpoint.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/blend_unet.py',
    '../_base_/datasets/lol_test.py',
]
