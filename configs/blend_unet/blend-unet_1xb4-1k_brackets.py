# Fine-tunes the network of dark street scenes on bracket shots and more of them.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/blend_unet_dark.py',
    '../_base_/datasets/brackets_restoration.py',
    '../_base_/schedules/blend_unet_1k.py',
]

load_from = '{{ fileDirname }}/../../checkpoints/blend-unet_8k_camvid_seed0.pth'
