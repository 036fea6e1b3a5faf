_base_ = [
    '../_base_/default_runtime.py', '../_base_/models/blend_unet.py',
    '../_base_/datasets/camvid_restoration.py',
    '../_base_/schedules/blend_unet_8k.py'
]

# Most images are only dark and noisy, as the test frames will be.
model = dict(
    degradation=dict(
        p_local=0.15,
        p_lamp=0.09,
        p_white_balance=0.09,
        p_smoothing=0.09,
        p_tone=0.15,
        p_contrast=0.09,
        p_black=0.09,
        p_jpeg=0.15))
