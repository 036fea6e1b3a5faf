# The authors' recipe, on a folder of photographs of mixed exposure.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/zero_dce.py',
    '../_base_/datasets/folder_zero_dce.py',
    '../_base_/datasets/folder_test.py',
    '../_base_/schedules/zero_dce_50k.py',
]
