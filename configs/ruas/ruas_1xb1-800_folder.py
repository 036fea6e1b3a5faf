# The authors' recipe, on a folder of dark photographs.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/ruas.py',
    '../_base_/datasets/folder_ruas.py',
    '../_base_/datasets/folder_test.py',
    '../_base_/schedules/ruas_800.py',
]

default_hooks = dict(checkpoint=dict(interval=50))
