# Trained by day, on scenes darkened on the fly; tested by night.
_base_ = '../night_scenes/yolox-nano_scenes.py'

model = dict(
    _delete_=True,
    type='mmsdag.MAET',
    recognizer=_base_.model,
    channels=256,
    data_preprocessor=_base_.model.data_preprocessor,
)
test_dataloader = dict(dataset=dict(data_prefix=dict(img='night/test')))
