# SegFormer MiT-B0 on ACDC at night, from its weights for Cityscapes by day.
_base_ = [
    'mmseg::segformer/segformer_mit-b0_8xb1-160k_cityscapes-1024x1024.py',
    '../_base_/protocols/acdc_night.py',
    '../_base_/enhancer.py',
]
load_from = (
    'https://download.openmmlab.com/mmsegmentation/v0.5/segformer/'
    'segformer_mit-b0_8x1_1024x1024_160k_cityscapes/'
    'segformer_mit-b0_8x1_1024x1024_160k_cityscapes_'
    '20211208_101857-e7f88502.pth'
)
work_dir = 'work_dirs/{{fileBasenameNoExtension}}_{{$MMSDAG_ENHANCER:none}}'

model = dict(data_preprocessor=dict(size=_base_.acdc_night_crop, **_base_.segmentation))
train_dataloader = _base_.acdc_night_train
val_dataloader = _base_.acdc_night_val
test_dataloader = _base_.acdc_night_val
train_cfg = _base_.acdc_night_train_cfg
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], end=20000)]
