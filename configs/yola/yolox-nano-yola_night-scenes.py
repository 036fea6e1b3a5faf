# Trained with the detector, by the detector's losses alone.
_base_ = '../night_scenes/yolox-nano_night-scenes.py'

model = dict(
    data_preprocessor=dict(
        type='mmsdag.EnhancedDetDataPreprocessor',
        enhancer=dict(type='mmsdag.YOLANet'),
        trainable=True,
    )
)
