# The authors' recipe: 2,000 iterations on one image, which is alone in the
# folder; or on a few, in turn.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/zero_ig.py',
    '../_base_/datasets/folder_sci.py',
    '../_base_/datasets/folder_test.py',
    '../_base_/schedules/sci_500k.py',
]
train_dataloader = dict(dataset=dict(min_size=11))
train_cfg = dict(max_iters=2000)
