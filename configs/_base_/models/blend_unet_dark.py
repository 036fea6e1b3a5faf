# Most training images are only dark and noisy: the other steps are rare.
_base_ = 'blend_unet.py'

model = dict(
    degradation=dict(
        p_local=0.15,
        p_lamp=0.09,
        p_white_balance=0.09,
        p_smoothing=0.09,
        p_tone=0.15,
        p_contrast=0.09,
        p_black=0.09,
        p_jpeg=0.15,
    )
)
