# Darkened by this package's camera model: less noise than MAET's.
_base_ = 'yolox-nano-maet_night-scenes.py'

model = dict(
    parameter_weight=0.0,
    degradation=dict(
        type='mmsdag.LowLightDegradation', order='camera', exposure=(0.02, 0.4), shot=(1e-4, 2e-3)
    ),
)
