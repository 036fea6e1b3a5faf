# Fine-tunes the network of mixed data on dark street scenes. For another seed,
# set randomness.seed and load_from.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/blend_unet_dark.py',
    '../_base_/datasets/camvid_restoration.py',
    '../_base_/schedules/blend_unet_1k.py',
]

train_cfg = dict(max_iters=800)
model = dict(degradation=dict(exposure=(0.02, 0.2), shot=(3e-4, 6e-3)))
_load, _crop, *_rest = _base_.train_pipeline
_pipeline = [_load, dict(_crop, crop_size=(192, 192)), *_rest]
train_dataloader = dict(batch_size=4, num_workers=1, dataset=dict(pipeline=_pipeline))
load_from = '{{ fileDirname }}/../../checkpoints/blend-unet_8k_mixed_seed0.pth'
