# Fine-tunes the network of mixed data on bracket shots and street scenes.
# For another seed, set randomness.seed and load_from.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/blend_unet_dark.py',
    '../_base_/datasets/brackets_restoration.py',
    '../_base_/schedules/blend_unet_1k.py',
]

load_from = '{{ fileDirname }}/../../checkpoints/blend-unet_8k_mixed_seed0.pth'
