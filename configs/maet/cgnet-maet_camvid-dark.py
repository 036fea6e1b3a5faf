# Trained on frames by day that the model darkens; tested at 6 % of the light.
_base_ = '../camvid_dark/cgnet_camvid-dark.py'

_pipeline = _base_.train_dataloader.dataset.pipeline
train_dataloader = dict(dataset=dict(pipeline=[*_pipeline[:4], _pipeline[-1]]))
model = dict(
    _delete_=True,
    type='mmsdag.MAET',
    recognizer=dict(_base_.model, init_cfg=dict(type='Pretrained', checkpoint=_base_.load_from)),
    channels=256,
    degradation=dict(type='mmsdag.MAETDegradation', channel_order='rgb'),
    data_preprocessor=_base_.model.data_preprocessor,
)
load_from = None
