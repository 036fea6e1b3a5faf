# Most images are only dark and noisy, as the test frames will be.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/blend_unet_dark.py',
    '../_base_/datasets/camvid_restoration.py',
    '../_base_/schedules/blend_unet_8k.py',
]
