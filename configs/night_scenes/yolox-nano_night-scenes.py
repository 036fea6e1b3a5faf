# Trained and tested by night, on the scenes as they are.
_base_ = 'yolox-nano_scenes.py'

train_dataloader = dict(dataset=dict(data_prefix=dict(img='night/train')))
test_dataloader = dict(dataset=dict(data_prefix=dict(img='night/test')))
