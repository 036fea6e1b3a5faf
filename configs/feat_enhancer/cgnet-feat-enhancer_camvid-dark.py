# Trained with the segmentor, by the segmentor's losses alone.
_base_ = '../camvid_dark/cgnet_camvid-dark.py'

model = dict(
    data_preprocessor=dict(
        type='mmsdag.EnhancedSegDataPreprocessor',
        enhancer=dict(type='mmsdag.FeatEnHancer'),
        trainable=True,
    )
)
