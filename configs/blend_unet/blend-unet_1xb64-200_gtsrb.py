_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/blend_unet.py',
    '../_base_/datasets/gtsrb_restoration.py',
    '../_base_/schedules/blend_unet_200.py',
]

# Dark signs have a blue cast and are small and blurred. They are not degraded
# further.
model = dict(
    generator=dict(channels=8, prior=(0.0, 0.0, 3.0), level=0.2, per_channel=True),
    degradation=dict(p_smoothing=0.5, smoothing=(0.4, 2.0)),
    dark_degradation=dict(type='CameraDegradation', keep=1.0),
    pixel_weight=0.1,
)
