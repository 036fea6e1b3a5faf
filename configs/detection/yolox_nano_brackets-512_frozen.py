# As yolox_nano_brackets_frozen.py, but enhanced at the photographs' own 512
# pixels: it is the data preprocessor that resizes, after the enhancer.
_base_ = [
    'mmdet::yolox/yolox_nano_8xb8-300e_coco.py',
    '../_base_/protocols/brackets.py',
    '../_base_/enhancer.py',
]
work_dir = 'work_dirs/{{fileBasenameNoExtension}}_{{$MMSDAG_ENHANCER:fixed_gamma}}'

model = dict(
    data_preprocessor=dict(
        _base_.detection,
        type='mmsdag.EnhancedDetDataPreprocessor',
        enhancer='{{$MMSDAG_ENHANCER:fixed_gamma}}',
        resize_to=(416, 416),
        pad_size_divisor=416,
        pad_value=114,
    )
)
_pipeline = [_base_.test_pipeline[0], *_base_.test_pipeline[-2:-1], _base_.brackets_formatting]
test_dataloader = dict(
    batch_size=1, dataset=dict(_delete_=True, **_base_.brackets_dark, pipeline=_pipeline)
)
test_evaluator = dict(_delete_=True, **_base_.brackets_metric)
train_dataloader = train_cfg = optim_wrapper = param_scheduler = None
val_dataloader = val_cfg = val_evaluator = None
